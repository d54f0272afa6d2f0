// Jest keeps its own module registry, so the guards of kafkajs are put in place here, for every test file, from the same
// list that src/kafka/guards.ts applies in production.
module.exports = async () => {
  const { GUARDS } = await import('../../src/kafka/guards/list.ts');
  const load = (path) => jest.requireActual(`kafkajs/src/${path}`);
  for (const guard of GUARDS) {
    jest.mock(`kafkajs/src/${guard.path}`, () => guard.wrap(load(guard.path), load));
  }
};
