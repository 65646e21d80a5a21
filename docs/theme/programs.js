// Puts the programs of a topic into tabs. The last tab shows all programs, side by side where the window has room.
// The choice counts for every page. On paper, on a telephone and without scripts, the programs stand one below the
// other, under their headings.
{
    const KEY = "towpath-programs";
    const ALL = "all";
    const chinese = document.documentElement.lang === "zh";
    const label = chinese ? "编程语言" : "Programming language";
    const nameOfAll = chinese ? "全部" : "All";

    const isLanguage = (heading) => ["Python", "Go", "Rust"].includes(heading.textContent.trim());
    const main = document.querySelector("main");
    const headings = [...main.querySelectorAll("h2")].filter(isLanguage);
    // The page for printers has every topic, and stays as it is.
    const isTopic = headings.length > 1 && main.querySelectorAll("h1").length === 1;

    // A browser may forbid the storage.
    const remembered = () => {
        try {
            return localStorage.getItem(KEY);
        } catch {
            return null;
        }
    };
    const remember = (choice) => {
        try {
            localStorage.setItem(KEY, choice);
        } catch {}
    };

    // The heading and everything up to the next heading.
    const sectionOf = (heading) => {
        const section = document.createElement("section");
        section.id = `${heading.id}-program`;
        section.dataset.language = heading.textContent.trim().toLowerCase();
        section.setAttribute("role", "tabpanel");
        section.setAttribute("aria-labelledby", `${section.id}-tab`);
        heading.before(section);
        do {
            section.append(section.nextSibling);
        } while (section.nextSibling && !/^H[12]$/.test(section.nextSibling.nodeName));
        // What a tall program hangs out at the bottom of the window, the style sheet scrolls into view.
        new ResizeObserver(() => section.style.setProperty("--height", `${section.offsetHeight}px`)).observe(section);
        return section;
    };

    const tabOf = (choice, name, panels) => {
        const tab = document.createElement("button");
        tab.type = "button";
        tab.textContent = name;
        tab.dataset.choice = choice;
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", panels.map((panel) => panel.id).join(" "));
        return tab;
    };

    const build = () => {
        const sections = headings.map(sectionOf);
        const tabs = sections.map((section, nth) => {
            const tab = tabOf(section.dataset.language, headings[nth].textContent.trim(), [section]);
            tab.id = `${section.id}-tab`;
            return tab;
        });
        tabs.push(tabOf(ALL, nameOfAll, sections));

        const programs = document.createElement("div");
        const list = document.createElement("div");
        programs.className = "programs";
        list.setAttribute("role", "tablist");
        list.setAttribute("aria-label", label);
        list.append(...tabs);
        sections[0].before(programs);
        programs.append(list, ...sections);

        const show = (choice) => {
            programs.classList.toggle("side-by-side", choice === ALL);
            for (const tab of tabs) {
                const chosen = tab.dataset.choice === choice;
                tab.setAttribute("aria-selected", chosen);
                tab.tabIndex = chosen ? 0 : -1;
            }
            for (const section of sections) {
                section.classList.toggle("hidden", ![ALL, section.dataset.language].includes(choice));
            }
        };
        // A link to a heading of a hidden program shows the program, and changes nothing on other pages.
        const follow = (hash) => {
            const target = document.getElementById(decodeURIComponent(hash.slice(1)));
            const section = target?.closest(".programs > section.hidden");
            if (section) {
                show(section.dataset.language);
                target.scrollIntoView();
            }
        };

        list.addEventListener("click", ({ target }) => {
            const tab = target.closest("[role=tab]");
            if (tab) {
                show(tab.dataset.choice);
                remember(tab.dataset.choice);
            }
        });
        list.addEventListener("keydown", (event) => {
            const at = tabs.indexOf(event.target);
            const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
            const { altKey, ctrlKey, metaKey, shiftKey } = event;
            if (to === undefined || altKey || ctrlKey || metaKey || shiftKey) {
                return;
            }
            // With the same keys mdBook turns the page.
            event.stopPropagation();
            event.preventDefault();
            const tab = tabs.at(to % tabs.length);
            tab.focus();
            tab.click();
        });
        window.addEventListener("hashchange", () => follow(location.hash));
        // No change of the address follows a second click on the same link.
        document.addEventListener("click", ({ target }) => {
            const link = target.closest("a[href*='#']");
            if (link && link.pathname === location.pathname && link.hash === location.hash) {
                follow(link.hash);
            }
        });

        const choice = remembered();
        show(tabs.some((tab) => tab.dataset.choice === choice) ? choice : ALL);
        follow(location.hash);
    };

    if (isTopic) {
        build();
    }
}
