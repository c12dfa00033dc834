// What a Client, its Readers and its Writers share.
#pragma once

#include "node/api/convert.h"
#include "node/api/engine.h"

namespace vortex::api {

class Client::Core {
 public:
  explicit Core(std::shared_ptr<node::Engine> e) : engine(std::move(e)) {}
  const std::shared_ptr<node::Engine> engine;

  template <class T, class U, class Convert>
  Result<T> run(node::Engine::Make<U> make, Convert convert) {
    auto result = engine->run<U>(std::move(make));
    if (!result.ok()) return to_public(result.error());
    return convert(std::move(*result));
  }
};

}  // namespace vortex::api
