/** What a foreign server answers becomes text, read to its end or, where it is longer than anybody wants, not. */

/** undefined: it is longer than `most` bytes; the rest was not fetched. Rejects when it breaks off. */
export async function answerText(response: Response, most: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the rest.
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
