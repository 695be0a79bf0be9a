"""From a bare machine to a running IronBull: `make run` and `make test` start here.

Standard library only, and written so that an old Python can still read it far
enough to say which Python is needed.
"""

import glob
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
# While this file stands, the environment is half-made and must be made again.
UNFINISHED = os.path.join(VENV, "unfinished")
NO_INDEX = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError")


def stop(message):
    sys.stdout.flush()
    sys.stderr.write("IronBull: %s\n" % message)
    sys.exit(1)


def check_python():
    if not (3, 11) <= tuple(sys.version_info[:2]) <= (3, 13):
        stop(
            "IronBull needs Python 3.11 to 3.13, this is %d.%d: install one of them, or name it, "
            "as in `make run PYTHON=python3.11`." % tuple(sys.version_info[:2])
        )


def check_writable():
    var = os.environ.get("IRONBULL_VAR") or os.path.join(ROOT, "var")
    for place in (VENV if os.path.exists(VENV) else ROOT, var if os.path.exists(var) else ROOT):
        if not os.access(place, os.W_OK | os.X_OK):
            stop(
                "no permission to write to %s: run this as its owner, or clone IronBull into a "
                "directory of your own." % place
            )


def check_port():
    port = os.environ.get("PORT") or "8000"
    if not port.isdigit() or not 0 < int(port) < 65536:
        stop("PORT=%s is not a port: choose a number from 1024 to 65535." % port)
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", int(port)))
    except PermissionError:
        stop("port %s needs root: choose another, as in `PORT=8001 make run`." % port)
    except OSError:
        stop("port %s is taken: choose another, as in `PORT=8001 make run`." % port)
    finally:
        probe.close()


def install(*locks):
    """Bring .venv to what the locks say; nothing is done when it is there already."""
    stamp = os.path.join(VENV, "installed-" + "-".join(locks))
    wanted = fingerprint(locks)
    if os.path.exists(PYTHON) and not os.path.exists(UNFINISHED) and read(stamp) == wanted:
        return
    if os.path.exists(UNFINISHED) or not is_ours():
        make_venv()
    write(UNFINISHED, "")
    run_pip(locks)
    write(stamp, wanted)
    os.remove(UNFINISHED)


def install_mysql():
    """mysqlclient has no Linux wheel; without its headers the tests on MariaDB are not run."""
    if has_mysql_headers():
        install("dev", "mysql")


def has_mysql_headers():
    for library in ("mysqlclient", "libmariadb", "mariadb"):
        try:
            if subprocess.call(["pkg-config", "--exists", library]) == 0:
                return bool(shutil.which("cc") or shutil.which("gcc"))
        except OSError:
            return False
    return False


def fingerprint(locks):
    """The locks' contents and the Python that installs them."""
    digest = hashlib.sha256(("%d.%d" % tuple(sys.version_info[:2])).encode())
    for lock in locks:
        with open(lock_path(lock), "rb") as source:
            digest.update(source.read())
    return digest.hexdigest()


def lock_path(lock):
    return os.path.join(ROOT, "requirements", lock + ".txt")


def is_ours():
    """Whether .venv has a working Python of this very version."""
    try:
        found = subprocess.check_output([PYTHON, "-c", "import sys; print(sys.version_info[:2])"])
    except (OSError, subprocess.CalledProcessError):
        return False
    return found.decode().strip() == str(tuple(sys.version_info[:2]))


def make_venv():
    say("Making .venv with Python %d.%d" % tuple(sys.version_info[:2]))
    if not has("venv") or not (has("ensurepip") or has("pip")):
        stop("this Python has neither venv nor pip: as root, `apt-get install python3-venv`.")
    shutil.rmtree(VENV, ignore_errors=True)
    os.makedirs(VENV)
    write(UNFINISHED, "")
    command = [sys.executable, "-m", "venv", VENV]
    # Debian keeps ensurepip in a package of its own; the system's pip can serve instead.
    made = subprocess.run(
        command if has("ensurepip") else [*command, "--without-pip"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if made.returncode != 0:
        stop("python -m venv failed: %s" % made.stdout.decode().strip().splitlines()[-1])


def has(module):
    return find_spec(module) is not None


def run_pip(locks):
    own_pip = glob.glob(os.path.join(VENV, "lib", "python3*", "site-packages", "pip"))
    pip = [PYTHON, "-m", "pip"] if own_pip else [sys.executable, "-m", "pip", "--python", PYTHON]
    command = [*pip, "install", "--no-deps", "--retries", "2", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--no-input"]
    for lock in locks:
        command += ["-r", lock_path(lock)]
    log = os.path.join(VENV, "install.log")
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        try:
            follow(process, log, count(locks))
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            stop("stopped while installing; the next start begins again.")
    if process.returncode != 0:
        explain(read(log), log)


def count(locks):
    names = set()
    for lock in locks:
        for line in read(lock_path(lock)).splitlines():
            if "==" in line and "win32" not in line:
                names.add(line.split("==")[0].strip().lower())
    return len(names)


def follow(process, log, total):
    """Say which package pip is at: first it fetches them, then it unpacks them."""
    started = time.time()
    site = glob.glob(os.path.join(VENV, "lib", "python3*", "site-packages"))[0]
    before = set(glob.glob(os.path.join(site, "*.dist-info")))
    told = 0.0
    while True:
        running = process.poll() is None
        fetched = [line.split()[1] for line in read(log).splitlines() if "Collecting " in line]
        made = set(glob.glob(os.path.join(site, "*.dist-info"))) - before
        if made:
            newest = os.path.basename(max(made, key=modified)).rsplit(".", 1)[0]
            step, done, name = "installing", len(made), newest.replace("-", " ")
        else:
            step, done, name = "fetching", len(fetched), fetched[-1] if fetched else "the index"
        if not running:
            say("installed %d packages in %d s" % (len(made), time.time() - started))
            return
        if sys.stdout.isatty() or time.time() - told >= 2:
            told = time.time()
            line = "%s %d of %d: %s, %d s" % (step, min(done, total), total, name, told - started)
            say(line, again=True)
        time.sleep(0.2)


def modified(path):
    try:
        return os.path.getmtime(path)
    except OSError:
        # pip moves directories while it installs.
        return 0.0


def explain(output, log):
    if any(word in output for word in NO_INDEX):
        stop("pip cannot reach its package index: check the network and PIP_INDEX_URL first.")
    if "No space left" in output:
        stop("the disk is full: free some 400 MB and start again.")
    lines = [line for line in output.splitlines() if line.strip()]
    stop("pip failed: %s (all of it is in %s)" % (lines[-1] if lines else "no reason given", log))


def say(text, again=False):
    """One line; on a terminal a line said `again` is written over by the next."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K" + text[:100] + ("" if again else "\n"))
    else:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def read(path):
    try:
        with open(path, errors="replace") as source:
            return source.read()
    except IOError:
        return ""


def write(path, text):
    with open(path, "w") as target:
        target.write(text)


def make_secrets():
    if subprocess.call([PYTHON, "-m", "ironbull.secrets_file"], cwd=ROOT) != 0:
        sys.exit(1)


def replace_by(*command):
    """Become this command, so that a signal reaches it and nothing stands between."""
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, *command])


def main(arguments):
    job = arguments[0] if arguments else ""
    if job not in ("run", "test", "develop"):
        stop("say `make run` or `make test`.")
    check_python()
    check_writable()
    if job == "run":
        check_port()
        install("centre")
        make_secrets()
        replace_by("manage.py", "up", *arguments[1:])
    install("dev")
    if job == "develop":
        make_secrets()
    if job == "test":
        install_mysql()
        replace_by("-m", "tests.run", *arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
