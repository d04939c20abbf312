"""The page that lists all networks, to filter and to sort."""

from __future__ import annotations

from collections.abc import Sequence

from speczoo.site.look import page, text
from speczoo.site.network import ListedNetwork

SCRIPT = """
const list = document.getElementById("networks");
const cards = [...list.children];
const filter = document.getElementById("filter");
const sort = document.getElementById("sort");
const count = document.getElementById("count");
function show() {
  const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let there = 0;
  for (const card of cards) {
    card.hidden = !words.every((word) => card.dataset.words.includes(word));
    there += !card.hidden;
  }
  count.textContent = `${there} of ${cards.length}`;
}
function order() {
  const key = sort.value;
  const number = key !== "name";
  cards.sort((a, b) => {
    const [one, other] = [a.dataset[key], b.dataset[key]];
    return (number ? one - other : 0) || a.dataset.name.localeCompare(b.dataset.name, "en", { numeric: true });
  });
  list.append(...cards);
}
filter.addEventListener("input", () => {
  show();
  history.replaceState(null, "", filter.value ? `#${encodeURIComponent(filter.value)}` : location.pathname);
});
sort.addEventListener("change", order);
filter.value = decodeURIComponent(location.hash.slice(1));
order();
show();
"""


def index(entries: Sequence[ListedNetwork], *, documents: bool) -> str:
    """Return the first page of the site: all networks, to filter and sort."""
    cards = "\n".join(map(_card, entries))
    body = f"""<h1>The zoo</h1>
<p class="faint">{len(entries)} networks, each a spec: its layers, its numbers, its source.</p>
<div class="controls">
<input id="filter" type="search" placeholder="filter: resnet 2015" aria-label="filter networks">
<label>sort by <select id="sort">
<option value="name">name</option><option value="year">year</option>
<option value="params">parameters</option><option value="macs">MACs</option>
</select></label>
<span id="count" role="status"></span>
</div>
<ul class="cards" id="networks">
{cards}
</ul>"""
    return page("The zoo", body, documents=documents, script=SCRIPT)


def _card(entry: ListedNetwork) -> str:
    words = text(f"{entry.name} {entry.title} {entry.family} {entry.year or ''} {entry.shape}".lower())
    name = text(entry.name)
    data = f'data-name="{name}" data-year="{entry.year or 0}" data-params="{entry.params}" data-macs="{entry.macs}"'
    return f"""<li {data} data-words="{words}">
<a href="networks/{name}.html"><img loading="lazy" src="pictures/{name}.paper.svg" alt=""><b>{name}</b></a>
<p>{text(entry.title)}</p>
<p class="faint">{entry.params:,} parameters, {entry.macs:,} MACs<br>{text(entry.shape)} {entry.year or ""}</p></li>"""
