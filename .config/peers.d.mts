/** `peers.mjs`, which says more. */
export function preparePerfAnalyzer(): {
  readonly python?: string;
  readonly program?: string;
  readonly libraries?: string;
  readonly absent?: string;
};
