"""The command line: `python -m xling task=xnli` or `xling task=xnli`."""

import os
import sys


def task(composed: object) -> None:
    """Run one composed configuration; Hydra and OmegaConf end here."""
    from hydra.core.hydra_config import HydraConfig

    from xling.cli.compose import repeat, resolved
    from xling.cli.preflight import preflight
    from xling.config import checked

    config = checked(resolved(composed))
    preflight(config)
    if config.dry_run:
        from xling.sweep.launch import dry_run

        dry_run(config)
        return

    from xling.pipeline.start import start
    from xling.sweep.records import noted

    overrides = HydraConfig.get().overrides.task
    with noted(config, overrides):
        start(config, repeat(overrides))


def main() -> None:
    """Read the command line and run; errors that the user can fix are printed in a few lines."""
    import hydra

    from xling.cli.compose import conf_folder, register_resolvers
    from xling.cli.mistakes import check, explain
    from xling.sweep.grids import planned
    from xling.training.ranks import follow

    register_resolvers()

    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands exceptions on instead of printing them
    given = sys.argv[1:]
    try:
        if follow():
            return
        check(given)
        if sweep := planned(given):
            from xling.sweep.launch import run_sweep

            sys.exit(0 if run_sweep(sweep, given) else 1)
        failed: list[Exception] = []

        def attempt(composed: object) -> None:
            try:
                task(composed)
            except Exception as error:  # Hydra would print a line of its own about it
                failed.append(error)

        start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
        start(attempt)()
        if failed:
            raise failed[0]
    except KeyboardInterrupt:
        sys.exit("Stopped. The same command goes on from here.")
    except BrokenPipeError:  # nobody reads on, as in `xling --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        message = explain(error, conf_folder())
        if full or message is None:
            raise
        print(message, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
