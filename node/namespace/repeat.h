// Tree::repeat: an operation is tried until it has a result. Private to Tree's files.
#pragma once

#include "node/namespace/tree.h"

namespace vortex::node {

// `attempt` gets references to what lives in this frame.
template <class... Params, class... Args>
Task<Result<Inode>> Tree::repeat(Id directory, std::string name, Change change,
                                 Task<Attempt> (Tree::*attempt)(Id, std::string, const Change&, Effort&, Params...),
                                 Args... args) {
  Effort effort = begin(change.timeout);
  while (true) {
    std::optional<OperationRecord> before;
    bool named = change.operation.has_value();
    if (named && (change.again || effort.unknown)) {
      CO_ASSIGN_OR_RETURN(before, co_await executed(directory, name, change, effort));
    }
    if (!before) {
      auto tried = co_await (this->*attempt)(directory, name, change, effort, args...);
      if (tried.ok() && tried->has_value()) co_return std::move(**tried);
      // What looks like a failure may be the effect of our own earlier try.
      bool doubtful = !tried.ok() && named && (change.again || effort.unknown);
      if (doubtful) {
        auto looked = co_await executed(directory, name, change, effort);
        if (looked.ok()) before = *looked;
        if (!looked.ok() && effort.unknown) co_return Code::outcome_unknown;
      }
      if (!before && !tried.ok()) co_return std::move(tried).error();
    }
    if (before) {
      Inode inode;
      inode.id = before->id;
      inode.version = before->version;
      co_return inode;
    }
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

}  // namespace vortex::node
