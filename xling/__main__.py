"""The command line: `python -m xling task=xnli` or `xling task=xnli`."""

import os
import sys
from pathlib import Path


def conf_folder() -> Path:
    """Return the folder of the configuration, in an installed package or in a checkout."""
    here = Path(__file__).parent
    return next(folder for folder in (here / "conf", here.parent / "conf") if folder.is_dir())


def task(composed: object) -> None:
    """Run one composed configuration; Hydra and OmegaConf end here."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from xling.command_line import repeat
    from xling.config import checked
    from xling.preflight import preflight
    from xling.sweep import register_resolvers

    register_resolvers()  # a launcher may have brought this to another process
    config = checked(OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))
    preflight(config)

    from xling.run import job  # only now: it takes seconds to import, and mistakes show at once

    job(config, repeat(HydraConfig.get().overrides.task))


def main() -> None:
    """Read the command line and run; errors that the user can mend are printed in a few lines."""
    import hydra

    from xling.command_line import check, explain, sweep_group
    from xling.sweep import planned, register_resolvers
    from xling.tuning.ranks import follow

    register_resolvers()

    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands exceptions on instead of printing them
    try:
        if follow():
            return
        check(sys.argv[1:])
        sweep = planned(sys.argv[1:])
        given = sys.argv[1:]
        # In front: between overrides Hydra would take what follows for something else.
        multirun = ["--multirun", *(each for each in given if each not in ("-m", "--multirun"))]
        multirun += sweep_group(given)
        for arguments in [[*multirun, *grid] for grid in sweep.grids] if sweep else [given]:
            sys.argv[1:] = arguments
            command = hydra.main(
                version_base="1.3", config_path=str(conf_folder()), config_name="config"
            )
            command(task)()
        if sweep:
            from xling.report.sweep import write_sweep

            print(f"\nReport of the sweep: {write_sweep(sweep.folder)}")
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
