import * as core from '@actions/core'

core.info(`post ${core.getState('pre')} ${core.getState('main')}`)
core.info('PROBLEM sub/b.txt:1:2: also in the post part')
core.info('::remove-matcher owner=toolkit::')
core.info('PROBLEM sub/b.txt:1:2: not any more')
core.setFailed('the post part fails')
