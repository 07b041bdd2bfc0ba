/** ms of processor time that this process has had: unlike the clock, it stands while others have the machine. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
