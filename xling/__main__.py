"""The command line: `python -m xling task=xnli` or `xling task=xnli`.

Everything is imported where it is first needed: --help and the first line of a run come at once.
"""

import os
import sys


def run_composed(composed: object) -> None:
    """Run one composed configuration as plain values, free of Hydra and OmegaConf."""
    from hydra.core.hydra_config import HydraConfig

    from xling.cli.compose import repeat_command, resolved
    from xling.cli.preflight import preflight
    from xling.config import checked
    from xling.pipeline.paths import is_finished

    config = checked(resolved(composed))
    if not is_finished(config):
        preflight(config)
    if config.dry_run:
        from xling.sweep.launch import dry_run

        dry_run(config)
        return

    from xling.pipeline.start import start
    from xling.sweep.records import recording_run

    hydra = HydraConfig.get()
    with recording_run(config, hydra.overrides.task):
        start(config, repeat_command(hydra))


def main() -> None:
    """Read the command line and run; print errors that the user can fix as a few plain lines."""
    import hydra

    from xling.cli.compose import (
        conf_folder,
        expand_home,
        flags_first,
        quoted_pattern,
        register_resolvers,
    )
    from xling.cli.mistakes import explain, refuse_mistyped
    from xling.sweep.grids import requested_sweep
    from xling.training.ranks import follow, leave

    register_resolvers()

    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise exceptions instead of printing them
    arguments = [quoted_pattern(expand_home(argument)) for argument in flags_first(sys.argv[1:])]
    sys.argv[1:] = arguments
    try:
        if follow():
            leave()
        refuse_mistyped(arguments)
        if sweep := requested_sweep(arguments):
            from xling.sweep.launch import run_sweep

            if not run_sweep(sweep, arguments):
                sys.exit(1)
            leave()
            return
        errors: list[Exception] = []

        def attempt(composed: object) -> None:
            try:
                run_composed(composed)
            except Exception as error:  # Hydra would add a line of its own
                errors.append(error)

        start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
        start(attempt)()
        if errors:
            raise errors[0]
        leave()
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to resume.")
    except BrokenPipeError:  # the reader has closed the pipe, as in `xling --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        message = explain(error, conf_folder())
        if wants_traceback or message is None:
            raise
        print(message, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
