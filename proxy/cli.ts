import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { BenchRequest } from './bench/bench.js';
import { ConfigError, loadConfig, readConfig, type Config, type Flags, type Sources } from './config.js';
import { printedConfig } from './config/print.js';

/** What a command line asks for. */
export type Invocation =
  | {
      readonly kind: 'serve';
      readonly config: Config;
      /** Reads all sources anew; rejects with a ConfigError. */
      readonly load: () => Promise<Config>;
    }
  | { readonly kind: 'bench'; readonly request: BenchRequest }
  /** Said already, such as the help; exit with the code. */
  | { readonly kind: 'done'; readonly code: number };

/** Where the command line speaks to. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  out(text: string): void;
  err(text: string): void;
}

type ServeFlags = Flags & { readonly config?: string; readonly printConfig?: boolean };

const EXAMPLES = `
Examples:
  cdpmux                                     serve on ws://127.0.0.1:9222/
  cdpmux --port 0 --chrome embedded          a free port, the Chrome of the npm package
  cdpmux --upstream http://10.0.0.7:9222     pool Chromes that run elsewhere
  cdpmux --set browsers.virtualPerBrowser=50 any setting by its path
  cdpmux bench                               what it costs on this machine
  cdpmux --print-config                      what is set, and by what

Every setting is also an environment variable: listen.port is CDPMUX_LISTEN_PORT.`;

/** Reads the command line and all other sources of the configuration; every error is told at once (exit code 2). */
export async function readCommandLine(args: readonly string[], terminal: Terminal): Promise<Invocation> {
  let flags: ServeFlags | undefined;
  const program = new Command('cdpmux')
    .description(
      'PgBouncer for headless Chrome: many CDP clients, each alone in what looks like its own Chrome.',
    )
    .version(terminal.version)
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride();
  const serve = program
    .command('serve', { isDefault: true })
    .description('run the proxy (the default)')
    .option('--host <host>', 'address to listen on (listen.host)')
    .option('--port <port>', 'port to listen on; 0 picks a free one (listen.port)')
    .option('--chrome <path>', 'the Chrome to launch, or "embedded" (chrome)')
    .option('--upstream <url>', 'a Chrome that runs elsewhere; repeatable (browsers.upstreams)', collect)
    .option('--config <file>', 'configuration file, JSON with comments')
    .option('--log-level <level>', 'log.level')
    .option('--set <path=value>', 'any other setting; repeatable', collect)
    .option('--print-config', 'print what all sources come to, each value with its source, and end')
    .action((options: ServeFlags) => {
      flags = options;
    });
  let bench: BenchRequest | undefined;
  program
    .command('bench')
    .description('measure what cdpmux costs on this machine, beside a Chrome without it')
    .option('--chrome <path>', 'the Chrome to measure with, or "embedded"')
    .addOption(
      new Option('--kind <kind>', 'which kind of Chrome')
        .choices(['auto', 'shell', 'chrome'])
        .default('auto'),
    )
    .option('--seconds <n>', 'how long to measure', seconds, 15)
    .action((options: BenchRequest) => {
      bench = options;
    });
  program.addHelpText('after', () => `\n${serve.helpInformation()}${EXAMPLES}`);
  const [word = ''] = args;
  const commands = ['help', ...program.commands.map((command) => command.name())];
  // Else it would be taken for one argument too many of the default command.
  if (/^\w/.test(word) && !commands.includes(word)) {
    terminal.err(`error: unknown command '${word}'; the commands are serve and bench, see cdpmux --help\n`);
    return { kind: 'done', code: 2 };
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    if (code?.startsWith('commander.') !== true) throw error;
    return { kind: 'done', code: exitCode === 0 ? 0 : 2 };
  }
  if (bench) return { kind: 'bench', request: bench };
  if (!flags) return { kind: 'done', code: 0 };
  const { config: name, printConfig = false, ...rest } = flags;
  const sources = async (): Promise<Sources> => {
    const file = name === undefined ? undefined : { name, content: await readConfigFile(name) };
    return { ...(file && { file }), env: terminal.env, flags: rest };
  };
  try {
    const { config, origins } = readConfig(await sources());
    if (!printConfig) return { kind: 'serve', config, load: async () => loadConfig(await sources()) };
    terminal.out(printedConfig(origins));
    return { kind: 'done', code: 0 };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.err(`${error.message}\n`);
    return { kind: 'done', code: 2 };
  }
}

async function readConfigFile(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (error) {
    throw new ConfigError([`--config ${name}: ${(error as Error).message}`]);
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 3_600) return value;
  throw new InvalidArgumentError('a number of seconds, 1 to 3600.');
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
