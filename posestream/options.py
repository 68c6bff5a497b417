"""Makes the fields of a settings class the options of a command: one place says what a service takes."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

Settings = TypeVar("Settings", bound=BaseSettings)
PREFIX = "POSESTREAM_"
OPTION_HELP = (
    "NAME=VALUE for the estimator, repeatable; geometric knows off=PARTS, some of depth,region,texture,prediction,"
    "restarts,turns,recovery; foundationpose knows search=full|pruned|geometric, iterations=N, score_every=N and "
    "loss=on|off; gen6d knows views=N, steps=N, iterations=N, angle=radians|right and loss=on|off"
)
VERSION_HELP = (
    "the version of the estimator that must answer, or the beginning of its weights' digest, as compare prints them; "
    "a worker with another one fails the job"
)


def with_settings(settings_class: type[Settings]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every field of a settings class as an option.

    Each field ``max_rate`` becomes ``--max-rate`` and ``POSESTREAM_MAX_RATE``; the option beats the
    environment, which beats the default. A value that the class refuses exits with 2 and the reason.

    Args:
        settings_class: Its fields' descriptions become the help texts.

    Returns:
        A decorator for a function whose first parameter takes the settings; its other parameters stay
        as typer knows them.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function)
        own = list(signature.parameters.values())[1:]
        fields = settings_class.model_fields

        def command(**given: Any) -> None:  # noqa: ANN401 - typer passes what the signature below says
            function(_checked(settings_class, {name: given.pop(name) for name in fields}), **given)

        options = [_option(name, field) for name, field in fields.items()]
        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        command.__signature__ = signature.replace(parameters=[*keyword_only, *options])  # type: ignore[attr-defined]
        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        command.__module__ = function.__module__
        return command

    return decorate


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    default = field.get_default(call_default_factory=True)
    option = typer.Option(help=field.description, envvar=PREFIX + name.upper())
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[field.annotation, option]
    )


def _checked(settings_class: type[Settings], values: dict[str, Any]) -> Settings:
    try:
        return settings_class(**values)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else "settings"
            source = f"--{name.replace('_', '-')} (or {PREFIX}{name.upper()})"
            lines.append(f"{source}: {problem['msg']}, got {problem['input']!r}")
        raise typer.BadParameter("; ".join(lines)) from error


def named_values(texts: list[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts by name.

    Raises:
        BadParameter: A text of another form.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            msg = f"expected NAME=VALUE, got {text!r}"
            raise typer.BadParameter(msg, param_hint="--option")
        values[name] = value
    return values
