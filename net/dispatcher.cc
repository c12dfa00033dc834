#include "net/dispatcher.h"

#include "base/check.h"

namespace vortex::net {

Dispatcher::Dispatcher() : handlers_(all_methods().back().number + std::size_t(1)) {}

void Dispatcher::add(std::uint16_t method, std::unique_ptr<Handler> handler) {
  CHECK(!handlers_[method]);
  handlers_[method] = std::move(handler);
}

}  // namespace vortex::net
