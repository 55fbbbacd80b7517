"""Write the option tables of docs/commands/*.md from the commands themselves; ``--check`` only compares.

Each page has its prose by hand; what stands between the two marker lines is replaced.
"""

import sys
from pathlib import Path
from typing import Any

from napari_tomodrgn.cli.main import SUMMARIES, load_command
from napari_tomodrgn.cli.options import COMMON_PANEL

PAGES = Path(__file__).resolve().parents[1] / "docs" / "commands"
BEGIN, END = "<!-- options: written by scripts/make_command_pages.py -->", "<!-- end of options -->"


def option_tables(command: Any) -> str:
    """Return the options of a click command as Markdown tables, one a heading of its help page; of a group, of each."""
    if hasattr(command, "commands"):
        return "\n\n".join(f"### {name}\n\n{option_tables(own)}" for name, own in command.commands.items())
    context = command.make_context(command.name, ["--help"], resilient_parsing=True)
    sections: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
        title = getattr(parameter, "rich_help_panel", None) or kind
        record = parameter.get_help_record(context)
        if record is not None and title != COMMON_PANEL and "help" not in parameter.name:
            names, text = (" ".join(part.split()).replace("|", "\\|") for part in record)
            if kind == "Arguments":
                names, text = names.removesuffix(" <str>"), text.removesuffix(" [required]")
            sections.setdefault(title, []).append(f"| `{names}` | {text} |")
    tables = [
        f"**{title}**\n\n| option | meaning |\n| --- | --- |\n" + "\n".join(rows) for title, rows in sections.items()
    ]
    return "\n\n".join(tables)


def with_options(page: str, tables: str) -> str:
    """Return a page with what is between its markers replaced."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"a page lacks the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> int:
    """Write or check every page; return the exit code."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name in SUMMARIES:
        path = PAGES / f"{name}.md"
        page = (
            path.read_text(encoding="utf-8") if path.exists() else f"# {name}\n\n{SUMMARIES[name]}\n\n{BEGIN}\n{END}\n"
        )
        written = with_options(page, option_tables(load_command(name)))
        if check and (not path.exists() or written != page):
            stale.append(name)
        elif not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written, encoding="utf-8")
    if stale:
        print(f"docs/commands is behind for {', '.join(stale)}: run python scripts/make_command_pages.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
