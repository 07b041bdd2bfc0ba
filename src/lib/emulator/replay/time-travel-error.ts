/** There is no such moment, or no way there now. */
export class TimeTravelError extends Error {}
