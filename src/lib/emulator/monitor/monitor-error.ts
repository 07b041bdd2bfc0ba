/** Wrong words of a person; the message is the answer. */
export class MonitorError extends Error {}
