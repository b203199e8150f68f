// Ranks that are threads of one process: what MPI does, through shared memory.
#pragma once

#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/dist/mpi_group.h"

namespace seqpe::test {

class ThreadWorld {
 public:
  explicit ThreadWorld(int size) : size_(size) {}

  class Calls final : public dist::MpiCalls {
   public:
    Calls(ThreadWorld& world, int rank) : world_(world), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return world_.size_; }
    int local_rank() const override { return rank_; }
    std::string version() const override { return "threads"; }
    std::unique_ptr<Request> all_to_all(const void* send, void* receive,
                                        std::size_t bytes) override {
      return begin({send, receive, bytes});
    }
    std::unique_ptr<Request> all_gather(void* all, std::size_t bytes) override {
      return begin({nullptr, all, bytes});
    }
    std::unique_ptr<Request> barrier() override { return begin({}); }
    void send_sign(int to, char sign) override {
      const std::scoped_lock lock(world_.mutex_);
      world_.signs_[{rank_, to}].push_back(sign);
    }
    std::optional<char> receive_sign(int from) override {
      const std::scoped_lock lock(world_.mutex_);
      std::deque<char>& signs = world_.signs_[{from, rank_}];
      if (signs.empty()) return {};
      const char first = signs.front();
      signs.pop_front();
      return first;
    }
    void finish() override {}
    void abort(int) override { std::terminate(); }

   private:
    struct Part {
      const void* send = nullptr;  // null: of `receive`, the rank's own piece
      void* receive = nullptr;
      std::size_t bytes = 0;
    };
    friend class ThreadWorld;
    struct Collective {
      std::vector<Part> parts;
      int arrived = 0, copied = 0;
    };
    class Waiting final : public Request {
     public:
      Waiting(ThreadWorld& world, int rank, int number)
          : world_(world), rank_(rank), number_(number) {}
      bool is_done() override {
        const std::scoped_lock lock(world_.mutex_);
        Collective& all = world_.collectives_[number_];
        if (all.arrived < world_.size_) return false;
        if (!has_copied_) copy(all);
        return all.copied == world_.size_;
      }

     private:
      void copy(Collective& all) {
        const auto piece = [](const void* begin, int index, std::size_t bytes) {
          return static_cast<const std::byte*>(begin) + static_cast<std::size_t>(index) * bytes;
        };
        const Part& mine = all.parts[static_cast<std::size_t>(rank_)];
        for (int from = 0; from < world_.size_; ++from) {
          const Part& theirs = all.parts[static_cast<std::size_t>(from)];
          const std::byte* source = theirs.send != nullptr
                                        ? piece(theirs.send, rank_, theirs.bytes)
                                        : piece(theirs.receive, from, theirs.bytes);
          if (mine.bytes > 0)
            std::memmove(const_cast<std::byte*>(piece(mine.receive, from, mine.bytes)), source,
                         mine.bytes);
        }
        has_copied_ = true;
        ++all.copied;
      }
      ThreadWorld& world_;
      int rank_, number_;
      bool has_copied_ = false;
    };

    std::unique_ptr<Request> begin(const Part& part) {
      const std::scoped_lock lock(world_.mutex_);
      Collective& all = world_.collectives_[begun_];
      all.parts.resize(static_cast<std::size_t>(world_.size_));
      all.parts[static_cast<std::size_t>(rank_)] = part;
      ++all.arrived;
      return std::make_unique<Waiting>(world_, rank_, begun_++);
    }
    ThreadWorld& world_;
    int rank_, begun_ = 0;
  };

 private:
  int size_;
  std::mutex mutex_;
  std::map<int, Calls::Collective> collectives_;           // by their number
  std::map<std::pair<int, int>, std::deque<char>> signs_;  // from, to
};

/// Runs `work` as each of `size` ranks, in threads; throws what the first rank that failed threw.
inline void as_ranks(int size, const std::function<void(dist::ProcessGroup&)>& work,
                     double timeout = 60) {
  ThreadWorld world(size);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        ThreadWorld::Calls calls(world, rank);
        dist::MpiGroup group(calls, timeout);
        work(group);
      } catch (...) {
        errors[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace seqpe::test
