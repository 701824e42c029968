// Pages that have one before and one after: j and k go there.
import { bind, follow } from "./keys.js";

bind([
  { key: "j", does: "the next one", run: follow("a[rel=next]") },
  { key: "k", does: "the previous one", run: follow("a[rel=prev]") },
]);
