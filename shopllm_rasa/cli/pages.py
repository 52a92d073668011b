"""`shopllm index pages`: exchanges the pages of an index."""

from pathlib import Path

import typer

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, print_json
from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.settings import Settings


def pages(
    knowledge: Path | None = typer.Option(
        None, "--knowledge", help="A folder of pages: .md, .html, .pdf, FAQ .csv. By default that of shopllm.yml."
    ),
    index: Path | None = INDEX_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Replaces the pages of an index by those of a folder; the products stay as they are.

    Only what is new is embedded.

    Example: shopllm index pages --knowledge pages/ --index index/
    """
    from shopllm_rasa.retrieval import KnowledgeIndex
    from shopllm_rasa.retrieval.knowledge import READERS, read_knowledge

    settings = Settings.load()
    named = knowledge or (settings.paths.knowledge and settings.resolve(settings.paths.knowledge))
    if named is None:
        raise typer.BadParameter("--knowledge is missing, and paths.knowledge of shopllm.yml is null.")
    passages = read_knowledge(named)
    if not passages:
        raise KnowledgeError(
            f"There is no page with text below '{named}'. Known endings: {', '.join(READERS)}. The index is unchanged."
        )
    out = index or settings.index_dir
    built = KnowledgeIndex.build(passages, out, threads=settings.encoder.threads, progress=True)
    files = len({passage.path for passage in passages})
    if json_output:
        print_json({"pages": files, "passages": len(passages), "embedded": built.embedded})
    else:
        typer.echo(f"{len(passages)} passages of {files} pages in {out}; {built.embedded} texts were new")
