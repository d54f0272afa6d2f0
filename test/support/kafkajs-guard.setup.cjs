// Jest keeps its own module registry, so the guards of kafkajs are put in place here, for every test file, from the same
// list that src/kafka/guards.ts applies in production.
module.exports = async () => {
  const { GUARDS } = await import('../../src/kafka/guards/list.ts');
  for (const guard of GUARDS) {
    const path = `kafkajs/src/${guard.path}`;
    jest.mock(path, () => guard.wrap(jest.requireActual(path)));
  }
};
