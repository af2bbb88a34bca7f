"""Make the picture of the README from a real run.

    python docs/make_pictures.py [RUN_DIR]

Without a folder, examples/diabetes is run first. Writes docs/images/report.png, a screenshot of the top of the HTML
report in chromium, offline. Needs playwright (requirements-test.txt) and chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

REPOSITORY = Path(__file__).resolve().parent.parent
SCREEN = {"width": 1280, "height": 1040}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else run_example(Path(folder))
        take_screenshot(run_dir / "report.html", REPOSITORY / "docs" / "images" / "report.png")


def run_example(folder: Path) -> Path:
    """Run examples/diabetes from the repository's root, with the command of the README; return the run's folder."""
    command = ["glasshouse", "run", "--config", "examples/diabetes/run.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--run_dir", str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(done.stdout.splitlines()[-1])


def take_screenshot(page_file: Path, target: Path) -> None:
    """Save a screenshot of the top of a page."""
    executable = os.environ.get("GLASSHOUSE_CHROMIUM") or shutil.which("chromium")
    if executable is None:
        sys.exit("needs chromium: apt-get install chromium, or name one in GLASSHOUSE_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True, viewport=SCREEN, color_scheme="light").new_page()
        page.goto(page_file.resolve().as_uri())
        target.parent.mkdir(exist_ok=True)
        page.screenshot(path=target)
        browser.close()
    print(target.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
