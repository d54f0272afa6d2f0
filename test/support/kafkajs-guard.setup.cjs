// Filled by src/kafka's patch list: Jest keeps its own module registry, so the guards are applied here for tests.
