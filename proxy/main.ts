#!/usr/bin/env node
import { beginLeanStart } from './lean-start.js';

// before anything else is even loaded: reading the modules is most of what it is for
beginLeanStart();
await import('./run.js');
