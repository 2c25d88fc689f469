"""Fetches a file of a Python package from the machine's own package index: python fetch.py PROJECT FILE FOLDER

`pip download` of a source package would prepare its metadata, for which it installs what the package is built with.
"""
import html, os, re, subprocess, sys, urllib.parse, urllib.request

project, name, folder = sys.argv[1:]

def configured(key):
    answer = subprocess.run([sys.executable, "-m", "pip", "config", "get", f"global.{key}"], capture_output=True, text=True)
    return answer.stdout.split()

def indexes():
    from pip._internal.models.index import PyPI  # what pip itself falls back to
    first = os.environ.get("PIP_INDEX_URL", "").split() or configured("index-url") or [PyPI.simple_url]
    return first + os.environ.get("PIP_EXTRA_INDEX_URL", "").split() + configured("extra-index-url")

for index in indexes():
    page = f"{index.rstrip('/')}/{project}/"
    try:
        with urllib.request.urlopen(page, timeout=60) as answer: text, base = answer.read().decode(), answer.url
    except OSError as error:
        print(f"{page}: {error}", file=sys.stderr)
        continue
    for link in re.findall(r'href="([^"]+)"', text):
        address = urllib.parse.urljoin(base, html.unescape(link)).split("#")[0]
        if urllib.parse.unquote(address).endswith(f"/{name}"):
            partial = os.path.join(folder, name + ".part")
            urllib.request.urlretrieve(address, partial)
            os.replace(partial, os.path.join(folder, name))
            sys.exit()
sys.exit(f"No package index of this machine has {name}.")
