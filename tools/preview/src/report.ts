/** What drawing found out becomes window.__preview, for the program that takes pictures. */

export interface Report {
  /** Queries that are under way. */
  pending: number;
  errors: string[];
  /** By panel id: the queries that returned nothing, and whether nothing is drawn at all. */
  empty: Record<number, { queries: string[]; whole: boolean }>;
}

export const report: Report = { pending: 1, errors: [], empty: {} };

(window as unknown as { __preview: Report }).__preview = report;
window.addEventListener('error', ({ message }) => {
  // The browser's word for "in the next frame"; nothing is lost.
  if (!message.startsWith('ResizeObserver loop')) report.errors.push(message);
});
window.addEventListener('unhandledrejection', (event) => report.errors.push(String(event.reason)));
