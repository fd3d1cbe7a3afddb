import { Argument, type Command, type Option } from "commander";

/** zsh runs the completions of bash. */
const ZSH_START = `(( $+functions[compdef] )) || { autoload -U compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
`;

const SCRIPTS: Readonly<Record<string, (places: readonly Place[]) => string>> = {
  bash: bashScript,
  zsh: (places) => `${ZSH_START}${bashScript(places)}`,
  fish: fishScript,
};

/** Prints scripts that are made of the declarations of the commands: `program` has all of them. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("Print a script that lets a shell complete commands and options")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS)))
    .addHelpText(
      "after",
      `
In bash:  source <(skerry completion bash)      in ~/.bashrc
In zsh:   source <(skerry completion zsh)       in ~/.zshrc
In fish:  skerry completion fish | source       in ~/.config/fish/config.fish`,
    )
    .action((shell: string) => {
      process.stdout.write(completionScript(program, shell));
    });
}

/** `shell`: a name in SCRIPTS. */
export function completionScript(program: Command, shell: string): string {
  return SCRIPTS[shell]?.(placesOf(program)) ?? "";
}

/** A command, and what may come after it. */
interface Place {
  /** Its words after the program's, each with a space before it: " ns store"; "": the program. */
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  /** Values of its arguments, where they are declared. */
  readonly values: readonly string[];
}

function placesOf(command: Command, path = ""): readonly Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const values = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const place = { path, commands, options: help.visibleOptions(command), values };
  return [place, ...commands.flatMap((under) => placesOf(under, `${path} ${under.name()}`))];
}

function bashScript(places: readonly Place[]): string {
  const inner = places.filter(({ path }) => path !== "");
  const choices = places.flatMap(({ path, options }) =>
    options.flatMap(({ long, argChoices }) =>
      argChoices === undefined
        ? []
        : [`    "${path} ${long}") COMPREPLY=($(compgen -W "${argChoices.join(" ")}" -- "$cur")); return ;;`],
    ),
  );
  return `_skerry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${inner.map(({ path }) => `"${path}"`).join("|")}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${choices.join("\n")}
  esac
  case "$at:$cur" in
${places.map(bashWords).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _skerry skerry
`;
}

/** Where nothing is known, the shell offers files. */
function bashWords({ path, commands, options, values }: Place): string {
  const flags = options.flatMap(({ long, short }) => long ?? short ?? []);
  const words = [...commands.map((command) => command.name()), ...values];
  return `    "${path}:-"*) words="${flags.join(" ")}" ;;\n    "${path}:"*) words="${words.join(" ")}" ;;`;
}

function fishScript(places: readonly Place[]): string {
  const paths = places.map(({ path }) => `"${path}"`).join(" ");
  return `function __skerry_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    contains -- "$at $word" ${paths}; and set at "$at $word"
  end
  test "$at" = "$argv[1]"
end
${places.flatMap(fishLines).join("\n")}
`;
}

function fishLines({ path, commands, options, values }: Place): readonly string[] {
  const complete = `complete -c skerry -n '__skerry_at "${path}"'`;
  return [
    ...commands.map(
      (command) =>
        `${complete} -f -a ${command.name()} -d ${fishText(command.summary() || command.description())}`,
    ),
    ...values.map((value) => `${complete} -f -a ${value}`),
    ...options.map((option) => {
      const names = [
        ...(option.long === undefined ? [] : [`-l ${option.long.slice(2)}`]),
        ...(option.short === undefined ? [] : [`-s ${option.short.slice(1)}`]),
      ];
      const choices = option.argChoices === undefined ? "-r" : `-x -a '${option.argChoices.join(" ")}'`;
      const value = option.required || option.optional ? ` ${choices}` : "";
      return `${complete} ${names.join(" ")}${value} -d ${fishText(option.description)}`;
    }),
  ];
}

function fishText(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
