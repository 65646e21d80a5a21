// mdBook's search tells words apart by the spaces between them, and Chinese has none. What is asked for in Chinese
// is looked for as it stands: in the title of each section, in the names of what it is in, and in its text.
{
    const isChinese = (query) => /\p{Script=Han}/u.test(query);
    const searchByWords = elasticlunr.Index.prototype.search;

    // The text around the first term that it has. Spaces around a term let mdBook show it as a word that was found.
    const excerpt = (text, terms) => {
        const places = terms.map((term) => text.toLowerCase().indexOf(term)).filter((place) => place >= 0);
        const from = Math.max(0, Math.min(...places, text.length) - 30);
        const start = places.length > 0 ? from : 0;
        const mark = (shown, term) => shown.split(term).join(` ${term} `);
        return terms.reduce(mark, text.slice(start, start + 150));
    };

    // The more, the better: first the page that is named so.
    const scoreOf = (doc, term) => {
        const [title, path, text] = [doc.title, doc.breadcrumbs, doc.body].map((field) => field.toLowerCase());
        if (title.includes(term)) {
            return path.startsWith(term) ? 4 : 3;
        }
        return path.includes(term) ? 2 : text.includes(term) ? 1 : 0;
    };

    elasticlunr.Index.prototype.search = function (query, options) {
        if (!isChinese(query)) {
            return searchByWords.call(this, query, options);
        }
        const terms = query.toLowerCase().split(/\s+/);
        const found = [];
        for (const [ref, doc] of Object.entries(this.documentStore.docs)) {
            const scores = terms.map((term) => scoreOf(doc, term));
            if (!scores.includes(0)) {
                const score = scores.reduce((sum, one) => sum + one);
                found.push({ ref, score, doc: { ...doc, body: excerpt(doc.body, terms) } });
            }
        }
        return found.sort((a, b) => b.score - a.score);
    };

    // What the address asks for may have been answered before this was here. The same is not looked for twice.
    const bar = document.getElementById("mdbook-searchbar");
    const asked = bar.value;
    for (const query of isChinese(asked) ? [asked + asked, asked] : []) {
        bar.value = query;
        bar.dispatchEvent(new Event("keyup"));
    }
}
