#include "node/api/engine.h"

#include "base/limits.h"
#include "base/log.h"

namespace vortex::node {

namespace {

constexpr std::size_t kKeyFileMax = 16 * kKiB;

// What goes wrong is told by results.
class Silence final : public LogSink {
 public:
  void write(const LogRecord&) override {}
};

RealOptions quiet() {
  static Silence silence;
  RealOptions options;
  options.log_sink = &silence;
  options.log_level = LogLevel::error;
  return options;
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::connect(SessionOptions options, std::string key_file, Duration timeout) {
  auto state = std::make_shared<State>(quiet());
  auto connected = std::make_shared<std::promise<Status>>();
  auto answer = connected->get_future();
  state->thread.start(live(state, std::move(options), std::move(key_file), timeout, connected));
  Status status = answer.get();
  if (!status.ok()) {
    state->thread.join();
    return std::move(status).error();
  }
  return std::shared_ptr<Engine>(new Engine(std::move(state)));
}

Task<Status> Engine::open(State& state, SessionOptions options, std::string key_file, Duration timeout) {
  Env& env = state.thread.env();
  if (!key_file.empty()) {
    auto text = co_await read_file(env.disk(), key_file, kKeyFileMax);
    if (!text.ok()) co_return std::move(text).error().in("the key file");
    auto key = AccessKeyText::parse(as_text(*text));
    if (!key.ok()) co_return Error(Code::bad_config, key_file + ": " + std::string(key.error().message()));
    options.key = std::move(*key);
  }
  state.parts = std::make_unique<ClientParts>(env, std::move(options), timeout);
  state.calls = std::make_unique<TaskGroup>(env.loop());
  co_return co_await state.parts->session.connect(timeout);
}

Task<int> Engine::live(std::shared_ptr<State> state, SessionOptions options, std::string key_file, Duration timeout,
                       std::shared_ptr<std::promise<Status>> connected) {
  Status status = co_await open(*state, std::move(options), std::move(key_file), timeout);
  bool serves = status.ok();
  connected->set_value(std::move(status));
  while (serves && !state->ending) co_await state->ended.park();
  if (state->calls) co_await state->calls->stop();
  if (state->parts) co_await state->parts->session.stop();
  state->calls.reset();
  state->parts.reset();
  co_return 0;
}

bool Engine::post(UniqueFunction<void()> work) {
  std::lock_guard lock(state_->mutex);
  if (state_->closed) return false;
  state_->thread.post(std::move(work));
  return true;
}

void Engine::stop() {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->closed) {
      state_->closed = true;
      State* state = state_.get();
      state_->thread.post([state] {
        state->ending = true;
        state->ended.wake();
      });
    }
  }
  if (!state_->thread.inside()) state_->thread.join();
}

}  // namespace vortex::node
