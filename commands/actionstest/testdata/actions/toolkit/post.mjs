import * as core from '@actions/core'

core.info(`post ${core.getState('pre')} ${core.getState('main')}`)
core.setFailed('the post part fails')
