#include "src/kernels/thread_pool.h"

#include <atomic>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/thread_trial.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

void checkCoverage(const ThreadPool& pool) {
  for (const size_t count : {0u, 1u, 2u, 3u, 100u, 10'000u}) {
    CAPTURE(pool.threads(), count);
    std::vector<std::atomic<int>> calls(count);
    std::vector<std::atomic<bool>> busy(static_cast<size_t>(pool.threads()));
    std::atomic<int> outside{0}, shared{0};
    pool.parallelFor(count, [&](size_t thread, size_t i) {
      if (thread >= busy.size() || i >= count) {
        ++outside;
        return;
      }
      if (busy[thread].exchange(true)) ++shared;
      ++calls[i];
      busy[thread] = false;
    });
    CHECK(outside == 0);
    CHECK(shared == 0);
    size_t wrong = 0;
    for (const auto& each : calls) wrong += each != 1;
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("parallelFor calls once for each index, each thread by itself", "[thread_pool]") {
  checkCoverage(test::execution().pool());
  const auto single = ThreadPool::create(1);
  REQUIRE(single.ok());
  CHECK((*single)->threads() == 1);
  CHECK((*single)->handle() == nullptr);
  checkCoverage(**single);
}

TEST_CASE("A pool has the threads that were asked for", "[thread_pool]") {
  CHECK(test::execution().pool().threads() == BEIT_TEST_THREADS);
  CHECK((test::execution().pool().handle() != nullptr) == (BEIT_TEST_THREADS > 1));
}

TEST_CASE("parallelFor has done all when it returns", "[thread_pool]") {
  std::vector<int> values(5000, 0);  // not atomic: ThreadSanitizer sees whether the end is waited for
  for (int round = 1; round <= 20; ++round) {
    test::execution().pool().parallelFor(values.size(), [&](size_t, size_t i) { values[i] += round; });
    size_t wrong = 0;
    for (const int value : values) wrong += value != round * (round + 1) / 2;
    CHECK(wrong == 0);
  }
}

TEST_CASE("No more threads work than the limit says", "[thread_pool]") {
  const ThreadPool& pool = test::execution().pool();
  for (int limit = pool.threads(); limit >= 1; --limit) {
    CAPTURE(limit);
    pool.limit(limit);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> calls(200);
      std::vector<std::atomic<bool>> seen(static_cast<size_t>(pool.threads()));
      pool.parallelFor(calls.size(), [&](size_t thread, size_t i) {
        ++calls[i];
        seen[thread] = true;
      });
      int threads = 0, wrong = 0;
      for (const auto& each : seen) threads += each;
      for (const auto& each : calls) wrong += each != 1;
      CHECK(threads <= limit);
      CHECK(wrong == 0);
    }
  }
  pool.limit(pool.threads());
}

TEST_CASE("A trial of threads gives a time for each number, and leaves the pool as it was asked", "[thread_pool]") {
  for (int threads = 1; threads <= test::execution().pool().threads(); ++threads) {
    const auto seconds = timeThreads(test::execution(), threads);
    REQUIRE(seconds.ok());
    CHECK(*seconds > 0);
  }
  checkCoverage(test::execution().pool());
}

#if !defined(__EMSCRIPTEN__)  // there threads are workers, of which the tests have BEIT_TEST_THREADS
TEST_CASE("Many more threads than processors do each index once, job after job", "[thread_pool]") {
  const auto pool = ThreadPool::create(64);
  REQUIRE(pool.ok());
  CHECK((*pool)->threads() == 64);
  std::vector<int> values(100, 0);
  for (int round = 0; round < 3000; ++round) {
    const size_t count = round % 3 == 0 ? 2 : values.size();  // a job that is over before most are awake
    (*pool)->parallelFor(count, [&](size_t, size_t i) { ++values[i]; });
  }
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) wrong += values[i] != (i < 2 ? 3000 : 2000);
  CHECK(wrong == 0);
}

TEST_CASE("A pool may end before its threads have begun", "[thread_pool]") {
  for (int round = 0; round < 20; ++round) CHECK(ThreadPool::create(16).ok());
}
#endif

TEST_CASE("A pool of no threads, or of too many, is refused", "[thread_pool]") {
  for (const int threads : {0, -1, 257, 1'000'000}) {
    const auto pool = ThreadPool::create(threads);
    REQUIRE_FALSE(pool.ok());
    CHECK(pool.error().code == ErrorCode::kInvalidArgument);
    CHECK(pool.error().where == "threads");
    CHECK(pool.error().got == std::to_string(threads));
    CHECK(pool.error().expected == "1 to 256");
  }
}

}  // namespace beit
