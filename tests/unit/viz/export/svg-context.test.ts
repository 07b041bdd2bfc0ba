import { describe, expect, test } from 'vitest';
import { SvgContext } from '../../../../src/lib/viz/export/svg-context.ts';

describe('a drawing as SVG', () => {
  test('has rectangles, paths and text where they were drawn', () => {
    const ctx = new SvgContext(100, 50);
    ctx.fillStyle = '#abc';
    ctx.translate(10, 0);
    ctx.fillRect(1, 2, 3, 4);
    ctx.beginPath();
    ctx.moveTo(0, 0);
    ctx.lineTo(5.123, 5);
    ctx.strokeStyle = 'red';
    ctx.stroke();
    ctx.textAlign = 'right';
    ctx.font = '12px mono';
    ctx.fillText('a', 1, 1);
    expect(ctx.toString()).toBe(
      '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50">' +
        '<rect x="11" y="2" width="3" height="4" fill="#abc"/>' +
        '<path d="M10 0L15.12 5" fill="none" stroke="red" stroke-width="1"/>' +
        '<text x="11" y="1" text-anchor="end" dominant-baseline="alphabetic" xml:space="preserve" style="font:12px mono" fill="#abc">a</text>' +
        '</svg>\n'
    );
  });

  test('keeps text from the file text', () => {
    const ctx = new SvgContext(1, 1);
    ctx.fillText('<script>&"', 0, 0);
    ctx.fillStyle = '"/><script>';
    ctx.fillRect(0, 0, 1, 1);
    expect(ctx.toString()).toContain('>&lt;script&gt;&amp;&quot;</text>');
    expect(ctx.toString()).not.toContain('<script>');
  });

  test('restores what was saved, and closes clips', () => {
    const ctx = new SvgContext(1, 1);
    ctx.save();
    ctx.fillStyle = 'blue';
    ctx.translate(5, 5);
    ctx.beginPath();
    ctx.rect(0, 0, 2, 2);
    ctx.clip();
    ctx.restore();
    ctx.fillRect(0, 0, 1, 1);
    const svg = ctx.toString();
    expect(svg).toContain('<clipPath id="clip1"><path d="M5 5h2v2h-2Z"/></clipPath><g clip-path="url(#clip1)"></g>');
    expect(svg).toContain('<rect x="0" y="0" width="1" height="1" fill="#000"/>');
    const open = new SvgContext(1, 1);
    open.save();
    open.clip();
    expect(open.toString().match(/<g /g)).toHaveLength(open.toString().match(/<\/g>/g)!.length);
  });
});
