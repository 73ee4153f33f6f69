import * as core from '@actions/core'

core.saveState('pre', {ran: true, lines: 'a\nb'})
