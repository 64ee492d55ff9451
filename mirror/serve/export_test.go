package serve

// FailureLife is how long a failure is remembered.
const FailureLife = failureLife
