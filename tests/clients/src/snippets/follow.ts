// Shown: follow
/** How far a page has come in the stream of events: its sockets say it as `resume`. */
export interface Place {
  /** At first a `streamCursor`. */
  cursor?: string | undefined;
}

/** Takes in every event after `place`, in order: subscribes anew where something on the way has dropped one. */
export function follow<Event extends { cursor: string; previous: string }>(
  place: Place,
  subscribe: (after: string | undefined, onEvent: (event: Event) => void) => () => void,
  onEvent: (event: Event) => void,
): () => void {
  let inVain = 0;
  let stop = () => {};
  const start = () => {
    let goesOn = true;
    const unsubscribe = subscribe(place.cursor, (event) => {
      if (!goesOn) return;
      goesOn = event.previous === (place.cursor ?? event.previous);
      if (goesOn) {
        inVain = 0;
        place.cursor = event.cursor;
        onEvent(event);
      } else {
        unsubscribe();
        const again = setTimeout(start, Math.min(1_000 * inVain, 8_000));
        inVain += 1;
        stop = () => clearTimeout(again);
      }
    });
    stop = unsubscribe;
  };
  start();
  return () => stop();
}
// Shown: end
