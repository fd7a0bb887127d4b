"""`doctor`: what is here, what is missing, and what is broken."""

from dprdm.workflows.environment import examine


def doctor() -> int:
    """Say which versions, devices and optional parts are here. Exit code 1 if something that is needed is broken."""
    is_broken = False
    for part in examine():
        print(f"{'BROKEN' if part.is_broken else 'ok':<7}{part.subject:<16}{part.state}", flush=True)
        is_broken = is_broken or part.is_broken
    print("\nSomething that is needed is broken; see above." if is_broken else "\nAll that is needed is here.")
    return int(is_broken)
