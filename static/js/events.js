// Server-sent events of work that goes on: followed while the page is looked at, and from where they broke off.
const AGAIN = 3000;

// `acts` has a function (event's name, data) for each name of an event; `lost` is told true when the connection breaks
// and false when it works again. `look` stands in for a stream that cannot be opened: it reads the state by itself.
export function follow(address, after, acts, { lost = () => {}, look = null } = {}) {
  let source = null;
  let last = after;
  let timer = null;

  function heard(name, event) {
    lost(false);
    last = event.lastEventId || last;
    acts[name](name, JSON.parse(event.data));
  }

  function broken() {
    lost(true);
    // A server that answers with an error ends the stream for good; it may only be starting again.
    if (source.readyState !== EventSource.CLOSED) return;
    look?.().catch(() => {});
    timer = setTimeout(connect, AGAIN);
  }

  function leave() {
    clearTimeout(timer);
    source?.close();
  }

  function connect() {
    leave();
    source = new EventSource(`${address}?after=${encodeURIComponent(last)}`);
    for (const name of Object.keys(acts)) source.addEventListener(name, (event) => heard(name, event));
    source.addEventListener("end", () => source.close());
    source.addEventListener("error", broken);
  }

  // A browser keeps few connections to one server: a page that nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : connect()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}
