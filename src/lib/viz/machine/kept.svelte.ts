/** What the machine's panels remember while another panel is in front of them. */
export class ShownCode {
  /** Address or symbol that is shown instead of RIP; empty: RIP is followed. */
  wanted = $state('');
}
export class ShownDevice {
  /** `name/instance` */
  label = $state<string>();
  filter = $state('');
}
export class ShownSheet {
  /** Title of the table, as far as it stays. */
  title = $state<string>();
  filter = $state('');
}
