import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { chromeFlags } from '../src/chrome/flags.js';
import { flagsForAnyone, flagsForLocal, ownFlags } from '../src/chrome/launch-flag-list.js';
import { readLaunchFlags, type FlagTrust } from '../src/chrome/launch-flags.js';
import { CdpmuxError } from '../src/errors.js';

function refusal(flags: readonly string[], trust: FlagTrust): CdpmuxError {
  try {
    readLaunchFlags(flags, trust);
  } catch (error) {
    if (error instanceof CdpmuxError) return error;
    throw error;
  }
  throw new Error(`${flags.join(' ')} was taken`);
}

const everyone = ['local', 'tenant'] as const;

/** What users of other tools pass, or are told to. */
const usual = [
  '--window-size=1920,1080',
  '--force-device-scale-factor=1.5',
  '--user-agent=Mozilla/5.0 (X11; Linux x86_64) Foo/1',
  '--accept-lang=de-DE,de;q=0.9',
  '--disable-blink-features=AutomationControlled',
  '--disable-features=IsolateOrigins,site-per-process',
  '--disable-site-isolation-trials',
  '--ignore-certificate-errors',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--use-fake-device-for-media-stream=device-count=2',
  '--blink-settings=imagesEnabled=false,preferredColorScheme=0',
  '--js-flags=--expose-gc --max-old-space-size=2048',
  '--font-render-hinting=none',
  '--disable-dev-shm-usage',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--start-maximized',
];

describe('flags of a client for its own Chrome', () => {
  it.each(everyone)('are taken as they are: %s', (trust) => {
    expect(readLaunchFlags(usual, trust)).toEqual({ args: usual });
  });

  it.each(everyone)('leave out what cdpmux decides, and tell of proxies apart: %s', (trust) => {
    const flags = ['--headless=new', '--no-first-run', '--disable-gpu', '--mute-audio', '--window-size=1,2'];
    const proxy = ['--proxy-server=socks5://p:1', '--proxy-bypass-list=*.a;b'];
    expect(readLaunchFlags([...flags, ...proxy], trust)).toEqual({
      args: ['--window-size=1,2'],
      proxyServer: 'socks5://p:1',
      proxyBypassList: '*.a;b',
    });
  });

  it('have pages speak the language too, unless they say another', () => {
    expect(readLaunchFlags(['--lang=de'], 'local').args).toEqual(['--lang=de', '--accept-lang=de']);
    const both = ['--lang=de', '--accept-lang=fr'];
    expect(readLaunchFlags(both, 'local').args).toEqual(both);
  });

  it.each([
    ['--remote-debugging-port=9222', 'cdpmux alone speaks to this Chrome'],
    ['--remote-debugging-address=0.0.0.0', 'cdpmux alone speaks to this Chrome'],
    ['--remote-allow-origins=*', 'cdpmux alone speaks to this Chrome'],
    ['--user-data-dir=/home/somebody', 'cdpmux makes the profile'],
    ['--disk-cache-dir=/tmp', 'cdpmux makes the profile'],
    ['--no-sandbox', 'whether Chrome has its sandbox is up to'],
    ['--disable-setuid-sandbox', 'whether Chrome has its sandbox is up to'],
    ['--no-zygote', 'whether Chrome has its sandbox is up to'],
    ['--single-process', 'whether Chrome has its sandbox is up to'],
    ['--renderer-cmd-prefix=xterm -e', 'it would start programs'],
    ['--utility-cmd-prefix=sh', 'it would start programs'],
    ['--gpu-launcher=sh', 'it would start programs'],
    ['--browser-subprocess-path=/bin/sh', 'it would start programs'],
    ['--log-net-log=/tmp/x', 'it would write files'],
    ['--enable-logging=stderr', 'it would write files'],
    ['--ssl-key-log-file=/tmp/x', 'it would write files'],
    ['--trace-startup-file=/tmp/x', 'it would write files'],
    ['--never-heard-of', 'none of those that are taken'],
    ['--js-flags=--expose-gc --logfile=/tmp/x', 'takes --expose-gc'],
    ['--js-flags=--allow-natives-syntax', 'takes --expose-gc'],
    ['--window-size', 'takes two numbers'],
    ['--window-size=huge', 'takes two numbers'],
    ['--mute-audio --no-sandbox', 'no flag of the form'],
    ['-no-sandbox', 'no flag of the form'],
    ['http://example.com', 'no flag of the form'],
    ['--', 'no flag of the form'],
    ['--user-agent=a\u0000--no-sandbox', 'no flag of the form'],
    ['--USER-DATA-DIR=/tmp', 'no flag of the form'],
    ['--force-dark-mode=yes', 'takes no value'],
    ['--proxy-server', 'without a value'],
  ])('are refused by name and reason, whoever gives them: %s', (flag, why) => {
    for (const trust of everyone) {
      const { code, message, details } = refusal(['--lang=de', flag], trust);
      expect({ code, parameter: details?.['parameter'] }).toEqual({
        code: 'BAD_PARAMETER',
        parameter: 'launch',
      });
      expect(message).toContain(flag.replace(/=.*/, '').split(' ')[0]?.split('\u0000')[0]);
      expect(message).toContain(why);
      expect(message).toContain('docs/exclusive.md');
    }
  });

  it.each([
    '--load-extension=/tmp/extension',
    '--disable-extensions-except=/tmp/extension',
    '--enable-unsafe-extension-debugging',
    '--allow-file-access-from-files',
    '--disable-web-security',
    '--use-file-for-fake-video-capture=/etc/passwd',
    '--use-file-for-fake-audio-capture=/etc/passwd',
    '--host-resolver-rules=MAP * 169.254.169.254',
    '--host-rules=MAP * 169.254.169.254',
    '--proxy-pac-url=data:,x',
    '--no-proxy-server',
    '--force-webrtc-ip-handling-policy=default',
    '--webrtc-ip-handling-policy=default',
    '--auto-select-desktop-capture-source=Entire screen',
    '--enable-blink-features=MojoJS',
    '--enable-features=NetworkServiceInProcess',
    '--disable-features=NetworkServiceSandbox',
    '--blink-settings=allowFileAccessFromFileURLs=true',
    '--use-gl=egl',
    '--enable-gpu',
  ])('are taken from local clients and not from strangers where they reach the machine: %s', (flag) => {
    expect(readLaunchFlags([flag], 'local')).toEqual({ args: [flag] });
    expect(refusal([flag], 'tenant').code).toBe('BAD_PARAMETER');
  });

  it('let strangers have media without asking only where they are fake', () => {
    const ui = '--use-fake-ui-for-media-stream';
    expect(readLaunchFlags([ui], 'local')).toEqual({ args: [ui] });
    expect(refusal([ui], 'tenant').message).toContain('--use-fake-device-for-media-stream only');
  });

  it('are at most 64, of at most 4096 characters', () => {
    const many = Array.from({ length: 65 }, () => '--force-dark-mode');
    expect(readLaunchFlags(many.slice(1), 'tenant').args).toHaveLength(64);
    expect(refusal(many, 'tenant').message).toContain('has 65 flags; it takes at most 64');
    expect(refusal([`--user-agent=${'x'.repeat(4096)}`], 'local').message).toContain('over 4096 characters');
  });

  it('are all in docs/exclusive.md', () => {
    const page = readFileSync('docs/exclusive.md', 'utf8');
    const listed = (heading: string): string[] => {
      const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
      return [...section.matchAll(/`--([a-z0-9-]+)/g)].map(([, name = '']) => name).sort();
    };
    const proxies = ['proxy-bypass-list', 'proxy-server'];
    expect(listed('Flags for everybody')).toEqual([...flagsForAnyone.keys(), ...proxies].sort());
    expect(listed('Flags for local clients')).toEqual([...flagsForLocal.keys()].sort());
    expect(listed('Flags that cdpmux gives by itself')).toEqual([...ownFlags].sort());
  });
});

describe('a Chrome’s command line', () => {
  const flagsWith = (...extra: string[]): string[] =>
    chromeFlags({ kind: 'chrome', noSandbox: false, smallShm: false, userDataDir: '/tmp/p', extra });

  it('joins lists of features, ours and those given', () => {
    const flags = flagsWith(
      '--disable-features=A',
      '--enable-features=B',
      '--disable-features=C',
      '--enable-features=D',
    );
    const lists = flags.filter((flag) => flag.includes('able-features'));
    expect(lists[0]).toMatch(/^--disable-features=WebUIOmniboxPopup,.*,A,C$/);
    expect(lists.slice(1)).toEqual(['--enable-features=B,D']);
  });

  it('has extensions and the GPU off unless they are asked for', () => {
    expect(flagsWith()).toEqual(expect.arrayContaining(['--disable-extensions', '--disable-gpu']));
    expect(flagsWith('--load-extension=/tmp/x')).not.toContain('--disable-extensions');
    expect(flagsWith('--enable-gpu')).not.toContain('--disable-gpu');
  });
});
