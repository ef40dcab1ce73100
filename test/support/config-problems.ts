import { ConfigError, loadConfig, type Sources } from '../../proxy/config.js';

/** What is wrong with a configuration that must not be accepted. */
export function problemsOf(sources: Sources): readonly string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

/** The same of settings as after `--set`. */
export const problemsOfSetting = (...assignments: string[]): readonly string[] =>
  problemsOf({ flags: { set: assignments } });
