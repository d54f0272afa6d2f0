import { type LaneAddresses, laneOf } from '../../support/lanes.ts';

describe('the lane of a worker', () => {
  const lane = (n: number): LaneAddresses => ({ KAFKA_BROKERS: `broker-${n}`, SCHEMA_REGISTRY_URL: `registry-${n}` });
  const lanes = JSON.stringify([lane(1), lane(2)]);

  it('is its own, so that no two workers share a broker', () => {
    expect([laneOf(lanes, '1'), laneOf(lanes, '2')]).toEqual([lane(1), lane(2)]);
  });

  it('is the first where Jest runs everything in one process', () => {
    expect(laneOf(lanes, undefined)).toEqual(lane(1));
  });

  it('is nothing where the run has no lanes, and an error where there are too few', () => {
    expect(laneOf(undefined, '1')).toBeNull();
    expect(() => laneOf(lanes, '3')).toThrow('worker 3 has no lane: there are 2');
  });
});
