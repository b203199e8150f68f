#include "tests/cuda/fake_cudart.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>

// CUDA declares its handles as pointers to these.
struct CUevent_st {
  bool passed = true;
};

namespace {

std::deque<std::function<void()>> queue;
int waits = 0, locked = 0;

void make_next() {
  queue.front()();
  queue.pop_front();
}

}  // namespace

namespace seqpe::test {

int stream_waits() {
  return waits;
}
std::size_t copies_left() {
  return queue.size();
}
void work_off() {
  while (!queue.empty()) make_next();
}
int page_locked_blocks() {
  return locked;
}

}  // namespace seqpe::test

extern "C" {

const char* cudaGetErrorString(cudaError_t) {
  return "fake";
}
const char* cudaGetErrorName(cudaError_t) {
  return "fake";
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int) {
  return cudaErrorNotSupported;
}
cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  *block = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* block) {
  std::free(block);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** block, std::size_t bytes, unsigned) {
  ++locked;
  *block = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  queue.emplace_back([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  queue.emplace_back([=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  ++waits;
  seqpe::test::work_off();
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->passed = false;
  queue.emplace_back([=] { event->passed = true; });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->passed ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (!event->passed) make_next();
  return cudaSuccess;
}

}  // extern "C"
