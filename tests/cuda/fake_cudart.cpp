#include "tests/cuda/fake_cudart.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

/// A place in a stream that an event marked.
struct Mark {
  bool passed = false;
  int tasks = 0;  // done until then
};

/// Does its work, unless it must wait for a mark of another stream: then false.
using Task = std::function<bool()>;

}  // namespace

// CUDA declares its handles as pointers to these.
struct CUevent_st {
  std::shared_ptr<Mark> mark;  // the latest; null before the first
};
struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};
struct CUstream_st {
  std::deque<Task> tasks;
  CUgraph_st* captured = nullptr;  // what is asked for goes there while it is
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
};

namespace {

std::vector<std::unique_ptr<CUstream_st>> streams;
int waits = 0, locked = 0, graphs = 0, tasks_done = 0;
bool capture_broken = false, memory_is_full = false;
constexpr int kRunTime = 13000;
seqpe::test::Machine machine;
cudaError_t last_error = cudaSuccess;

cudaError_t fail(cudaError_t error) {
  return last_error = error;
}

CUstream_st& stream_of(cudaStream_t stream) {
  static CUstream_st default_stream;
  return stream == nullptr ? default_stream : *stream;
}

void add(cudaStream_t stream, Task task) {
  CUstream_st& place = stream_of(stream);
  if (place.captured != nullptr) return place.captured->tasks.push_back(std::move(task));
  place.tasks.push_back(std::move(task));
}
void add_work(cudaStream_t stream, const std::function<void()>& work) {
  add(stream, [=] {
    work();
    ++tasks_done;
    return true;
  });
}

/// False if the stream is empty or must wait.
bool make_next(CUstream_st& stream) {
  if (stream.tasks.empty() || !stream.tasks.front()()) return false;
  stream.tasks.pop_front();
  return true;
}

/// Whether a stream is captured, in this mode if one is given.
bool captures(std::optional<cudaStreamCaptureMode> mode = std::nullopt) {
  return std::any_of(streams.begin(), streams.end(), [&](const auto& stream) {
    return stream->captured != nullptr && (!mode || stream->mode == *mode);
  });
}

/// One task of any stream, those made last first: the copy stream runs as far ahead as it may.
bool make_any() {
  for (auto stream = streams.rbegin(); stream != streams.rend(); ++stream) {
    if (make_next(**stream)) return true;
  }
  return make_next(stream_of(nullptr));
}

}  // namespace

namespace seqpe::test {

int stream_waits() {
  return waits;
}
std::size_t tasks_left(void* stream) {
  return stream_of(static_cast<cudaStream_t>(stream)).tasks.size();
}
void work_off() {
  while (make_any()) {
  }
}
void work_off_all_but(void* stream) {
  const auto* const held = &stream_of(static_cast<cudaStream_t>(stream));
  for (bool made = true; made;) {
    made = held != &stream_of(nullptr) && make_next(stream_of(nullptr));
    for (const auto& other : streams) made = (other.get() != held && make_next(*other)) || made;
  }
}
void work_off_only(void* stream) {
  while (make_next(stream_of(static_cast<cudaStream_t>(stream)))) {
  }
}
int page_locked_blocks() {
  return locked;
}
int live_graphs() {
  return graphs;
}
void set_machine(const Machine& other) {
  machine = other;
}

void fill_memory(bool full) {
  memory_is_full = full;
}
void break_captures(bool broken) {
  capture_broken = broken;
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
  *count = machine.gpus;
  // A driver that is not there is too old, too.
  if (machine.driver < kRunTime) return fail(cudaErrorInsufficientDriver);
  return machine.gpus > 0 ? cudaSuccess : fail(cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int device) {
  return device < machine.gpus ? cudaSuccess : fail(cudaErrorInvalidDevice);
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = machine.driver;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return std::exchange(last_error, cudaSuccess);
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRunTime;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, device == 0 ? "Large" : "Small");
  properties->totalGlobalMem = (std::size_t{80} << 30) >> device;
  properties->major = 9;
  properties->minor = device;
  properties->multiProcessorCount = 132;
  properties->pciBusID = 10 + device;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  if (captures(cudaStreamCaptureModeGlobal)) return fail(cudaErrorStreamCaptureUnsupported);
  if (memory_is_full) return fail(cudaErrorMemoryAllocation);
  *block = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* left, std::size_t* all) {
  *all = std::size_t{80} << 30;
  *left = memory_is_full ? 0 : *all;
  return cudaSuccess;
}
cudaError_t cudaFree(void* block) {  // need not wait
  std::free(block);
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  if (captures()) return fail(cudaErrorStreamCaptureUnsupported);
  seqpe::test::work_off();
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** block, std::size_t bytes, unsigned) {
  ++locked;
  if (memory_is_full) return fail(cudaErrorMemoryAllocation);
  *block = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  add_work(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  add_work(stream, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  // One that waits for the default stream could not be captured beside a library that uses that.
  if (flags != cudaStreamNonBlocking) return fail(cudaErrorNotSupported);
  streams.push_back(std::make_unique<CUstream_st>());
  *stream = streams.back().get();
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream_of(stream).captured != nullptr) return fail(cudaErrorStreamCaptureUnsupported);
  ++waits;
  while (!stream_of(stream).tasks.empty() && make_any()) {
  }
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (event->mark == nullptr) return cudaSuccess;
  add(stream, [mark = event->mark] { return mark->passed; });
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr) return fail(cudaErrorStreamCaptureUnsupported);
  if (stream->captured != nullptr) return fail(cudaErrorIllegalState);
  ++graphs;
  stream->captured = new CUgraph_st;
  stream->mode = mode;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = std::exchange(stream->captured, nullptr);
  if (!capture_broken) return cudaSuccess;
  cudaGraphDestroy(std::exchange(*graph, nullptr));
  return fail(cudaErrorStreamCaptureInvalidated);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  ++graphs;
  *exec = new CUgraphExec_st{graph->tasks};
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  --graphs;
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  --graphs;
  delete exec;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  for (const Task& task : exec->tasks) add(stream, task);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->mark = std::make_shared<Mark>();
  add_work(stream, [mark = event->mark] { *mark = {true, tasks_done}; });
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (!begin->mark->passed || !end->mark->passed) return fail(cudaErrorNotReady);
  *milliseconds = static_cast<float>(end->mark->tasks - begin->mark->tasks);
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->mark == nullptr || event->mark->passed ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (event->mark != nullptr && !event->mark->passed && make_any()) {
  }
  return cudaSuccess;
}

}  // extern "C"
