import adapter from '@sveltejs/adapter-static';

/** @type {import('@sveltejs/kit').Config} */
export default {
  kit: {
    adapter: adapter({ fallback: 'index.html' }),
    // Relative asset paths: the built site works from any folder of any host.
    paths: { relative: true },
    typescript: {
      config: (config) => ({
        ...config,
        include: [...config.include, '../scripts/**/*.mjs', '../bin/**/*.ts', '../*.config.ts']
      })
    }
  }
};
