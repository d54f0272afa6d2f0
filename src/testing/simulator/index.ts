export type { KeyAndCertificate } from '../../secrets/self-signed.ts';
export type { JournalEntry, JournalPosition } from './journal.ts';
export type { JournalSummary, PairStats, SimulatorStats, SiteStats } from './report.ts';
export type { SimulatorCredentials } from './sasl.ts';
export { type Simulator, type SimulatorOptions, type SimulatorTls, startSimulator } from './simulator.ts';
export type { Extension, SiteBehaviour } from './site-behaviour.ts';
