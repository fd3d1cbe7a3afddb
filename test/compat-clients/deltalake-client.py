"""Four writers append to one Delta table at once; in the end every row is there exactly once."""
import multiprocessing
import os
import sys

import pyarrow
from deltalake import DeltaTable, write_deltalake

WRITERS = 4
COMMITS = 5
TABLE = "s3://lake/table"


def options(endpoint):
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "aws_conditional_put": "etag",
    }


def append(endpoint, writer):
    for commit in range(COMMITS):
        rows = pyarrow.table({"writer": [writer], "commit": [commit]})
        for _ in range(50):
            try:
                write_deltalake(TABLE, rows, mode="append", storage_options=options(endpoint))
                break
            except Exception as error:
                # Another writer was first, more often than the library tries again by itself.
                if "commit" not in str(error).lower():
                    raise
        else:
            raise SystemExit(f"writer {writer} never won")
    leave()


def leave():
    """Without the interpreter's own end, in which threads of pyarrow that still run now and then abort the process."""
    sys.stdout.flush()
    os._exit(0)


def main():
    endpoint = sys.argv[1]
    write_deltalake(TABLE, pyarrow.table({"writer": [-1], "commit": [-1]}), storage_options=options(endpoint))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=append, args=(endpoint, writer)) for writer in range(WRITERS)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
        assert process.exitcode == 0, process.exitcode
    rows = pyarrow.table(DeltaTable(TABLE, storage_options=options(endpoint)).to_pyarrow_table())
    found = sorted(zip(rows["writer"].to_pylist(), rows["commit"].to_pylist()))
    wanted = sorted([(-1, -1)] + [(writer, commit) for writer in range(WRITERS) for commit in range(COMMITS)])
    assert found == wanted, found
    print("all rows are there")
    leave()


if __name__ == "__main__":
    main()
