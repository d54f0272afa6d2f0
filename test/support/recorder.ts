import type { IntakeHandler, StoredRecord, Task } from '../../src/runtime/ports.ts';

/** Keeps what it is called back with; what it answers can be set. */
export class Recorder implements IntakeHandler {
  readonly calls: string[] = [];
  readonly seen: string[] = [];
  owned: readonly Task[] = [];
  generation = -1;
  answer: (task: Task, records: readonly StoredRecord[]) => number | Promise<number> = (_, records) =>
    (records.at(-1) as StoredRecord).offset + 1;
  onRevoking: () => Promise<void> = async () => undefined;

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    this.owned = tasks;
    this.generation = generation;
    this.calls.push(`assigned ${tasks.length}`);
  }
  async revoking(): Promise<void> {
    this.calls.push('revoking');
    await this.onRevoking();
    this.owned = [];
    this.calls.push('revoked');
  }
  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    if (!this.owned.some((each) => each.partition === task.partition))
      this.calls.push('batch of a task that is not owned');
    for (const { value } of records) this.seen.push(`${task.partition}:${value}`);
    return this.answer(task, records);
  }
}
