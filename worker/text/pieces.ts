/** WordPiece: a word as the longest pieces of the vocabulary that it begins with, one after the other. */

export interface PieceVocabulary {
  /** Piece -> id; added tokens, which are no pieces of words, are not among them. */
  readonly pieces: ReadonlyMap<string, number>;
  /** Written before a piece that continues a word, such as `##`. */
  readonly prefix: string;
  /** Characters of a word at most; longer ones count as unknown. */
  readonly longest: number;
}

/**
 * Ids of a word without spaces.
 * @returns undefined when the vocabulary cannot write it
 */
export type PiecesOf = (word: string) => number[] | undefined;

export function pieceReader({ pieces, prefix, longest }: PieceVocabulary): PiecesOf {
  // No piece is longer than this, so that the search begins where one could end.
  const most = [...pieces.keys()].reduce((length, piece) => Math.max(length, piece.length), 0);
  return (word) => {
    const characters = [...word];
    if (characters.length > longest) return undefined;
    const ids: number[] = [];
    let start = 0;
    while (start < characters.length) {
      let end = Math.min(characters.length, start + most);
      let piece = characters.slice(start, end).join('');
      let id: number | undefined;
      while (end > start) {
        id = pieces.get(start > 0 ? prefix + piece : piece);
        if (id !== undefined) break;
        end--;
        piece = piece.slice(0, -(characters[end]?.length ?? 1));
      }
      if (id === undefined) return undefined;
      ids.push(id);
      start = end;
    }
    return ids;
  };
}
