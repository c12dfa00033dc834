// A client on a thread of its own, for callers on any threads.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "base/real/loop_thread.h"
#include "base/task_group.h"
#include "node/client/client_parts.h"

namespace vortex::node {

class Engine {
 public:
  // What is to be done, as a task on the loop. It ends when it is cancelled.
  template <class T>
  using Make = std::function<Task<Result<T>>(ClientParts&)>;

  // The key is read from `key_file` where that is named.
  static Result<std::shared_ptr<Engine>> connect(SessionOptions options, std::string key_file, Duration timeout);
  ~Engine() { stop(); }

  // Calls `done` exactly once: on the loop thread, or at once with `closed` when the engine has stopped.
  template <class T>
  void start(Make<T> make, std::function<void(Result<T>)> done);
  // Waits for it. `failed` on the loop thread, which would wait for itself: asynchronous calls are for there.
  template <class T>
  Result<T> run(Make<T> make);
  // The same, to be waited for later.
  template <class T>
  std::future<Result<T>> begin(Make<T> make);
  // On the loop thread, unless the engine has stopped.
  void on_loop(UniqueFunction<void()> work) { (void)post(std::move(work)); }
  Loop& loop() { return state_->thread.env().loop(); }
  // Calls in flight end with `cancelled`. Returns when all have, except on the loop thread itself.
  void stop();

 private:
  struct State {
    explicit State(const RealOptions& options) : thread(options), ended(thread.env().loop()) {}
    LoopThread thread;
    std::mutex mutex;
    bool closed = false;  // guarded by the mutex: nothing is posted any more
    // The loop's.
    std::unique_ptr<ClientParts> parts;
    std::unique_ptr<TaskGroup> calls;
    bool ending = false;
    Parking ended;
  };
  explicit Engine(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static Task<int> live(std::shared_ptr<State> state, SessionOptions options, std::string key_file, Duration timeout,
                        std::shared_ptr<std::promise<Status>> connected);
  static Task<Status> open(State& state, SessionOptions options, std::string key_file, Duration timeout);
  template <class T>
  static Task<void> follow(State& state, Make<T> make, std::function<void(Result<T>)> done);
  // False when it is closed.
  bool post(UniqueFunction<void()> work);

  const std::shared_ptr<State> state_;
};

template <class T>
Task<void> Engine::follow(State& state, Make<T> make, std::function<void(Result<T>)> done) {
  auto result = co_await make(*state.parts);
  done(std::move(result));
}

template <class T>
void Engine::start(Make<T> make, std::function<void(Result<T>)> done) {
  State* state = state_.get();
  auto work = [state, make = std::move(make), done] { state->calls->spawn(follow<T>(*state, make, done)); };
  if (!post(std::move(work))) done(Error(Code::closed, "the client has been closed"));
}

template <class T>
std::future<Result<T>> Engine::begin(Make<T> make) {
  auto answer = std::make_shared<std::promise<Result<T>>>();
  auto future = answer->get_future();
  if (state_->thread.inside()) {
    answer->set_value(Error(Code::failed, "a blocking call in a callback would wait for itself"));
  } else {
    start<T>(std::move(make), [answer](Result<T> result) { answer->set_value(std::move(result)); });
  }
  return future;
}

template <class T>
Result<T> Engine::run(Make<T> make) {
  return begin<T>(std::move(make)).get();
}

}  // namespace vortex::node
