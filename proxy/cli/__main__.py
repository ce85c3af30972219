"""``python -m proxy.cli``."""

from proxy.cli import main

if __name__ == "__main__":
    main()
